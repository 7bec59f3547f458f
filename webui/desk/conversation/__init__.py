"""What an agent does in an opened conversation: take over, write, hand back, close."""
