"""A small data folder with every shape of record: two companies a language, so that one can be held out."""

import json
import lzma
from pathlib import Path
from typing import Any

ANSWER = {
    "en": "A refund takes 5 working days. It goes back to the card that you paid with.",
    "zh": "退款会在5个工作日内到账。款项原路退回您付款的银行卡。",
}
QUESTION = {"en": "How long does a refund take?", "zh": "退款多久可以到账？"}
REPLY = {"en": "About 5 working days.", "zh": "大约5个工作日。"}


def company_records(company: str, lang: str) -> dict[str, list[dict[str, Any]]]:
    base = {"company": company, "lang": lang}
    question, answer, reply = QUESTION[lang], ANSWER[lang], REPLY[lang]
    history = [{"role": "customer", "text": question}, {"role": "bot", "text": reply}]
    return {
        "answers": [
            base
            | {"id": "refund", "industry": "toys", "company_name": company, "question": question, "answer": answer},
            base | {"id": "other", "question": "Other?", "answer": f"{answer} {company}."},
        ],
        "paraphrases": [base | {"answer_id": "refund", "text": question}],
        "replies": [base | {"answer_id": "refund", "question": question, "passage": answer, "reply": reply}] * 3,
        "followups": [
            base
            | {"answer_id": "refund", "history": history, "question": "card?", "standalone": question}
            | {"passage": answer, "reply": reply}
        ],
        "near_misses": [
            base | {"nearest_answer_id": "refund", "question": "Gold?", "passage": answer, "reply": "I don't know."}
        ],
        "other_turns": [base | {"action": "smalltalk", "question": "hi", "reply": "Hello!"}],
    }


def other_records() -> dict[str, list[dict[str, Any]]]:
    sentiment = []
    for line in range(72):
        texts = {"negative": "this is awful", "neutral": "where is it", "positive": "thanks, great"}
        label = list(texts)[line % 3]
        sentiment.append({"lang": "en", "text": f"{texts[label]} {line}", "label": label, "driver": "", "line": line})
        chinese = {"negative": "太差了", "neutral": "在哪里", "positive": "谢谢，很好"}
        sentiment.append({"lang": "zh", "text": f"{chinese[label]}{line}", "label": label, "driver": "", "line": line})
    turns = [{"role": "customer", "text": "hi"}, {"role": "agent", "text": "Hello, how can I help?"}]
    return {
        "sentiment": sentiment,
        "summaries": [{"lang": "en", "turns": turns, "summary": "Said hi.", "open": "Nothing.", "facts": ["hi"]}],
        "translations": [{"en": "Hello", "zh": "你好"}],
        "dialogues.x": [{"lang": "en", "source": "x", "split": "train", "turns": turns}] * 4,
        "qa.grounded": [
            {"lang": "zh", "split": "dev", "question": "星级？", "context": "星级：1。名称：龙。", "answer": "1星。"},
            {"lang": "en", "split": "test", "question": "Stars?", "context": "stars: 1", "answer": "One."},
        ],
        "qa.plain": [{"lang": "en", "split": "train", "question": "Is wifi free?", "answer": "Yes, it is free."}],
        "rewrites.x": [
            {"lang": "en", "history": ["Is wifi free?", "Yes."], "question": "fast?", "standalone": "Is it?"}
        ],
        "intents.x": [{"lang": "en", "split": "train", "text": "where is my card", "intent": "card_arrival"}],
        "docs.x": [
            {"lang": "en", "title": "Refunds", "text": "Refunds take 5 days. They go to your card. Ask us first."}
        ],
        "safety.x": [{"lang": "en", "text": "bad words", "label": "offensive"}],
    }


def write_data(folder: Path) -> Path:
    files: dict[str, list[dict[str, Any]]] = other_records()
    for lang in ("en", "zh"):
        for number in range(4):
            for name, records in company_records(f"{lang}{number}", lang).items():
                files.setdefault(name, []).extend(records)
    (folder / "authored").mkdir(parents=True)
    for name, records in files.items():
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        if "." in name:
            (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
        else:
            with lzma.open(folder / "authored" / f"{name}.jsonl.xz", "wt", encoding="utf-8") as file:
                file.write(lines)
    return folder
