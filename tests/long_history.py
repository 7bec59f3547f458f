"""A customer with a long conversation on a running site, for browser tests and benchmarks."""

from tests.site import Site, run_in

_CODE = """
from datetime import timedelta
from django.utils import timezone
from chatbot.conversations import services, sessions
from chatbot.conversations.models import Conversation, Customer, Message, Reply

customer = Customer.objects.create()
conversation = services.current_conversation(customer=customer)
now = timezone.now()
WORDS = ["How long can I return a teapot?", "标准配送运费多少钱？要几天到？", "One more thing, please: " + "tea " * 40]
ANSWER = "You can return it within **30 days**.\\n\\n- Write to us\\n- Pack it well\\n\\nSee https://shop.example/returns"
SOURCE = {"id": "returns.en", "question": "Returns", "text": "Within 30 days.", "updated_at": "2026-05-03T00:00:00Z"}
messages = []
for seq in range(1, num + 1):
    by_customer = seq % 2 == 1
    text = f"{seq} " + (WORDS[seq // 2 % 3] if by_customer else ANSWER)
    messages.append(Message(
        conversation=conversation, seq=seq, author="customer" if by_customer else "bot", text=text,
        client_id=f"c{seq}" if by_customer else "", created_at=now - timedelta(minutes=num - seq),
    ))
saved = Message.objects.bulk_create(messages)
Reply.objects.bulk_create([
    Reply(conversation=conversation, customer_message=asked, message=answered, status="done", action="answer",
          queued_at=now, finished_at=now, sources=[SOURCE])
    for asked, answered in zip(saved[::2], saved[1::2])
])
Conversation.objects.filter(pk=conversation.pk).update(
    last_seq=num, last_message_at=now, last_text=saved[-1].text[:200], last_author="bot", customer_seen_seq=num,
    handled_by=handled_by)
result = sessions.sign_session(customer)
"""


def customer_with_history(site: Site, num_messages: int, handled_by: str = "bot") -> str:
    """The token of a customer who has said and heard so many (an even number of) messages, in turn, "1 …" to "N …"."""
    return run_in(site, _CODE, num=num_messages, handled_by=handled_by)
