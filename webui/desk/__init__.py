"""The agents' desk: conversations, transcripts, reviews. It writes only through chatbot's services."""
