"""The `neevscale` command."""


def main() -> None:
    """Run the command line."""
