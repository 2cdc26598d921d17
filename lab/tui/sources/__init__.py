"""Where observations come from: our own run (`live`), somebody else's lab (`watch`), a recording (`playback`)."""
