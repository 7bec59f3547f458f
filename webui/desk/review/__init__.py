"""Reviewing at the desk: the queue, one turn with its context, corrections, replays and exports."""
