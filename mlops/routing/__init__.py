"""Which version answers whom: plain data and hashes, without Django."""
