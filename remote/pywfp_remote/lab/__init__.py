"""The practice fleet: real WSMan endpoints on loopback, each a made-up Windows host."""
