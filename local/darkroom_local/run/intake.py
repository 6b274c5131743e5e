"""Stops the intake of a local stack, and says how many uploads are in work there. It must not follow jobs."""

from __future__ import annotations

from darkroom_local.stack.local_stack import LocalStack


def end(stack: LocalStack) -> None:
    """Stop submits: messages that wait in the intake queue or come to it stay there. Submits that are under way go on."""
    functions, queue = stack.endpoint.client("lambda"), stack.outputs["IntakeQueueUrl"].rpartition("/")[2]
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if mapping.get("EventSourceArn", "").endswith(f":{queue}"):
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)


def messages_in_work(stack: LocalStack) -> int:
    """Return the number of uploads that submit has at this moment. Each may become a paid job."""
    name = "ApproximateNumberOfMessagesNotVisible"
    sqs = stack.endpoint.client("sqs")
    answer = sqs.get_queue_attributes(QueueUrl=stack.outputs["IntakeQueueUrl"], AttributeNames=[name])
    return int(answer["Attributes"][name])
