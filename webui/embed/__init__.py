"""The chat on other sites: the script, its sessions, its look, and which origins may ask. Keys: `chatbot.sites`."""
