"""`darkroom attach` and `darkroom detach`: let an existing bucket send its events to EventBridge, or no longer."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from darkroom_cli.console.confirmation import Yes, agree
from darkroom_cli.console.errors import reported
from darkroom_cli.console.machine_output import AsJson, tell
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import DEFAULT_STACK, Deployment, Stack

app = typer.Typer()

Bucket = Annotated[str, typer.Argument(metavar="s3://BUCKET", help="The bucket.")]


@app.command()
def attach(bucket: Bucket, yes: Yes = False, as_json: AsJson = False, stack: Stack = DEFAULT_STACK) -> None:
    """Let the stack's existing input bucket send its events.

    The stack must have the bucket as InputBucketName. The bucket's other notifications stay as they are. Objects that are in
    the bucket already are not processed.
    """
    name = _name(bucket)
    with reported():
        deployed = deployment.connect(stack)
        from darkroom_cli.stack.bucket_events import PRICE, TAKES_EFFECT, BucketEvents

        s3 = deployed.client("s3")
        _refuse_other(deployed, s3, name, stack)
        events = BucketEvents(s3, name)
        events.check_owner(deployed.account_id)
        events.check_region(s3.meta.region_name)
        waits = _ledger_refusal(deployed, name)
        if events.are_on():
            tell(
                as_json,
                {**_facts(name, True, False), "ledger_refusal": waits},
                f"{name} sends its events to EventBridge already; nothing was changed",
                *_until_handed_over(waits),
            )
            return
        agree(f"{PRICE} Turn the events of {name} on?", yes)
        kept = events.turn(True)
        tell(
            as_json,
            {**_facts(name, True, True, kept), "ledger_refusal": waits},
            f"{name} sends its events to EventBridge now{_others(kept)}",
            TAKES_EFFECT,
            PRICE,
            *_until_handed_over(waits),
        )


@app.command()
def detach(bucket: Bucket, yes: Yes = False, as_json: AsJson = False, stack: Stack = DEFAULT_STACK) -> None:
    """Let a bucket send its events no longer.

    This undoes `attach`. The bucket's other notifications stay as they are.
    """
    name = _name(bucket)
    with reported():
        deployed = deployment.connect(stack)
        from darkroom_cli.stack.bucket_events import BucketEvents

        _refuse_own(deployed, name)
        events = BucketEvents(deployed.client("s3"), name)
        if not events.are_on():
            tell(as_json, _facts(name, False, False), f"{name} sends no events to EventBridge; nothing was changed")
            return
        agree(
            f"No rule gets events of {name} any more, other programs' rules neither. Turn the events off?",
            yes,
        )
        kept = events.turn(False)
        tell(
            as_json,
            _facts(name, False, True, kept),
            f"{name} sends no events to EventBridge now{_others(kept)}",
            *_still_watched(deployed, name, stack),
        )


def _name(bucket: str) -> str:
    """Return the bucket's name. Raises BadParameter for a key."""
    name, _, key = bucket.removeprefix("s3://").partition("/")
    if not name or key:
        raise typer.BadParameter(f"{bucket!r} is not a bucket; write s3://BUCKET", param_hint="BUCKET")
    return name


def _refuse_other(deployed: Deployment, s3: Any, name: str, stack: str) -> None:
    """Raise Inapplicable unless the bucket is the stack's input bucket. Of another bucket, say whether it could be."""
    from darkroom.errors import Inapplicable
    from darkroom_cli.stack.bucket_events import BucketEvents, exists

    if name == deployed.container.configuration.output_bucket:
        raise Inapplicable(
            f"{name} is the stack's output bucket, which cannot be its input bucket too: uploads belong in "
            f"s3://{deployed.input_bucket}"
        )
    if name == deployed.input_bucket:
        return
    if not exists(s3, name):
        raise Inapplicable(f"there is no bucket {name}; the stack {stack} watches {deployed.input_bucket}")
    BucketEvents(s3, name).check_owner(deployed.account_id)
    raise Inapplicable(
        f"the stack {stack} watches the bucket {deployed.input_bucket}, not {name}: first deploy it with InputBucketName={name}"
    )


def _refuse_own(deployed: Deployment, name: str) -> None:
    """Raise Inapplicable for the bucket that the stack itself created."""
    from darkroom.errors import Inapplicable

    if name == deployed.input_bucket and not deployed.parameters.get("InputBucketName"):
        raise Inapplicable(
            f"the stack created the bucket {name}, and CloudFormation keeps its events on: to stop, use `darkroom pause`"
        )


def _ledger_refusal(deployed: Deployment, name: str) -> str | None:
    """Return why the stack may not use its ledger, if that belongs to another input bucket. Nothing is written: the functions
    claim a ledger without an owner."""
    owner = deployed.ledger_ownership.owner()
    return deployed.ledger_ownership.refusal() if owner and owner.input_bucket != name else None


def _until_handed_over(refusal: str | None) -> list[str]:
    return [f"Its uploads wait: {refusal}"] if refusal else []


def _facts(name: str, on: bool, changed: bool, kept: int | None = None) -> dict[str, object]:
    return {"bucket": name, "events": on, "changed": changed, "other_notifications": kept}


def _others(kept: int) -> str:
    return f"; its {kept} other notifications are as before" if kept else ""


def _still_watched(deployed: Deployment, name: str, stack: str) -> list[str]:
    if name != deployed.input_bucket:
        return []
    return [
        f"the stack {stack} still looks through {name} every quarter of an hour and finds new uploads late; to end that, deploy "
        "it with another InputBucketName"
    ]
