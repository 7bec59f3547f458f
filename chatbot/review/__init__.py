"""What people say of the bot's replies, and what becomes of it: verdicts, the queue, corrections, replays, exports."""
