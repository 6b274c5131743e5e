"""Where the embedded cloud falls short of AWS after a deployment, mended from outside. It changes no application.

Each gap names the emulator's version and the symptom, so that it can be removed when a newer version is pinned.
"""

from __future__ import annotations

from darkroom_local.embedded_cloud import Endpoint


def mend(endpoint: Endpoint) -> None:
    """Mends every known gap. Repeat safe; on AWS it would change nothing.

    ministack 1.5.33 keeps the text that `!Ref` gives for a Number parameter in an event source mapping's
    MaximumConcurrency, and its poller then fails to compare it ("'>=' not supported between 'int' and 'str'");
    CloudFormation casts it. Setting the same number through the API stores a number.
    """
    lambdas = endpoint.client("lambda")
    for mapping in lambdas.list_event_source_mappings()["EventSourceMappings"]:
        concurrency = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
        if concurrency is not None:
            scaling = {"MaximumConcurrency": int(concurrency)}
            lambdas.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=scaling)
