"""Corrects what the emulator gets wrong in a deployment. It uses the AWS API only, and does not change the application.

Each correction names the emulator's version and the symptom, so that it can be removed when a newer version is pinned.
"""

from __future__ import annotations

from darkroom_local.embedded_cloud import Endpoint


def mend(endpoint: Endpoint) -> None:
    """Correct the deployed stack. Repeat safe; on AWS it would change nothing.

    ministack 1.5.33 stores an event source mapping's MaximumConcurrency as a text if it comes from a Number parameter by
    `!Ref`. Its poller then fails ("'>=' not supported between 'int' and 'str'"). CloudFormation makes it a number. Here the
    same number is set through the API, which stores a number.
    """
    lambdas = endpoint.client("lambda")
    for mapping in lambdas.list_event_source_mappings()["EventSourceMappings"]:
        concurrency = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
        if concurrency is not None:
            scaling = {"MaximumConcurrency": int(concurrency)}
            lambdas.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=scaling)
