"""Corrects the emulator's mistakes in a deployment. It uses only the AWS API and does not change the application.

Each correction names the emulator's version and the symptom, so that it can be removed when a newer version is pinned.
"""

from __future__ import annotations

from darkroom_local.emulator.embedded_cloud import Endpoint


def mend(endpoint: Endpoint) -> None:
    """Correct the deployed stack. Repeat safe. On AWS it would change nothing.

    ministack 1.5.33 stores the MaximumConcurrency of an event source mapping as a text if it comes from a Number parameter by
    `!Ref`. Its poller then fails ("'>=' not supported between 'int' and 'str'"). CloudFormation makes it a number. So this
    function sets the same number through the API, which stores it as a number.
    """
    lambdas = endpoint.client("lambda")
    for mapping in lambdas.list_event_source_mappings()["EventSourceMappings"]:
        concurrency = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
        if concurrency is not None:
            scaling = {"MaximumConcurrency": int(concurrency)}
            lambdas.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=scaling)
