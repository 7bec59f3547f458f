import pytest

from chatbot.conversations import services
from chatbot.conversations.models import Customer


@pytest.mark.django_db
def test_the_same_client_id_gives_one_message():
    conversation = services.current_conversation(customer=Customer.objects.create())
    first = services.receive_message(conversation=conversation, text="hi", client_id="a")
    again = services.receive_message(conversation=conversation, text="hi", client_id="a")
    assert first.pk == again.pk
    assert conversation.messages.count() == 1
