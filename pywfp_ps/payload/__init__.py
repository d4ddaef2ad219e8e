"""What a host sent: frames decoded and checked, raw bytes kept, sizes bounded."""
