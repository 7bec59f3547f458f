"""The desk's inbox: its list, search, filters, menu and saved searches. What they mean is in `chatbot.inbox`."""
