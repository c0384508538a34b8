"""Methods that SoundBridge is measured against: every module here is one plug-in."""
