"""The `neevscale` command."""


def main() -> None:
    """Run the command line. Nothing heavy is imported before the verb is known."""
    from autoscaler.cli.tree import build_cli  # noqa: PLC0415  # `import autoscaler.cli` stays cheap

    build_cli()()
