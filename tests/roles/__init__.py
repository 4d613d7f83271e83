"""What the host roles must do, checked on the machines that molecule started and configured."""
