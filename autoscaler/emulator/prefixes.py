"""A prefix cache as vLLM's: blocks of 16 tokens, each known only together with all before it."""

import hashlib
from collections import OrderedDict

BLOCK_TOKENS = 16
BLOCK_CHARACTERS = 64
"""Four characters a token, as everywhere in the emulator."""
CAPACITY_BLOCKS = 4096
"""Blocks that are remembered, the least recently used forgotten first."""


class PrefixCache:
    """Which prompt prefixes one deployment has computed lately."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[bytes, None] = OrderedDict()

    def admit(self, prompt: str, *, salt: str) -> int:
        """Remember a prompt; return how many of its tokens were known already, in whole blocks.

        The block that holds the last token is never taken from the cache: a token must be computed.
        """
        known, is_prefix = 0, True
        digest = salt.encode(errors="replace")
        for start in range(0, len(prompt) - BLOCK_CHARACTERS, BLOCK_CHARACTERS):
            block = prompt[start : start + BLOCK_CHARACTERS].encode(errors="replace")
            digest = hashlib.blake2b(digest + block, digest_size=16).digest()
            is_prefix = is_prefix and digest in self._blocks
            known += is_prefix
            self._blocks[digest] = None
            self._blocks.move_to_end(digest)
        while len(self._blocks) > CAPACITY_BLOCKS:
            self._blocks.popitem(last=False)
        return known * BLOCK_TOKENS
