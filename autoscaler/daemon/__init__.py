"""The running whole: jobs over the seams. It names no adapter and decides nothing itself."""
