"""Six canned replies for the demo company, in both languages. `workers.setup` adds them through the service."""

from chatbot.notes.services import add_canned_replies

DEMO_REPLIES = [
    {
        "shortcut": "hello",
        "title": "Hello",
        "text_en": "Hello {customer}, this is {agent}. I have read what you wrote above; let me look into it for you.",
        "text_zh": "{customer}您好，我是{agent}。您上面的内容我都看过了，我来帮您处理。",
    },
    {
        "shortcut": "moment",
        "title": "One moment",
        "text_en": "Thanks for waiting. I am checking this with our warehouse and will write again within ten minutes.",
        "text_zh": "谢谢您的耐心等待。我正在向仓库核实，十分钟内给您答复。",
    },
    {
        "shortcut": "order",
        "title": "Ask for the order number",
        "text_en": "Could you send me the order number? It is in the subject of our confirmation mail.",
        "text_zh": "请把订单号发给我，好吗？您可以在确认邮件的标题里找到它。",
    },
    {
        "shortcut": "sorry",
        "title": "Apologise for a fault",
        "text_en": "I am sorry that this went wrong. Here is what I can do: ",
        "text_zh": "很抱歉给您带来了不便。我可以这样为您处理：",
    },
    {
        "shortcut": "photo",
        "title": "Ask for a photo",
        "text_en": "A photo of the damage would help me: please attach one. Don't send the item back yet.",
        "text_zh": "麻烦您在这里上传一张破损处的照片，方便我判断。商品暂时不用寄回。",
    },
    {
        "shortcut": "bye",
        "title": "Say goodbye",
        "text_en": "Glad that this is settled. Write here whenever you need us again. {agent}",
        "text_zh": "很高兴问题解决了。以后有需要，随时在这里联系我们。{agent}",
    },
]


def add_demo_canned_replies() -> int:
    """Returns how many were added; 0 on a second call."""
    return add_canned_replies(DEMO_REPLIES)
