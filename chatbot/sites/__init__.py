"""Keys with which other sites embed the chat: their origins, looks, and what their servers sign."""
