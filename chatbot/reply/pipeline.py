"""One customer turn to one finished reply: retrieve, rewrite, decide, generate, check. Knows no database and no queue.

The approved answer is the truth: what the model says instead of it is shown only where the passage supports it, and
when the model is away the passage itself is the reply.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from chatbot.conversations.services import FinishedReply
from chatbot.engine import EngineError, EngineOverloadedError
from chatbot.knowledge.index import NUM_COMPARED, Candidate, KnowledgeIndex
from chatbot.language_model.backends import TextGenerator
from chatbot.language_model.prompt_format import Turn
from chatbot.memory import recall
from chatbot.reply.confidence import own_first
from chatbot.reply.decision import Decision, decide, is_sure_alone, is_unsure, of_reading
from chatbot.reply.explanation import explain
from chatbot.reply.generation import generate_supported, show_word_by_word
from chatbot.reply.intents import Intent, Reading, is_yes
from chatbot.reply.marking import mark_phrased, mark_quoted
from chatbot.reply.multiple import answers_to_parts, answers_together
from chatbot.reply.questions import language_of, with_context
from chatbot.reply.readable import is_other_language, visible_text
from chatbot.reply.reading import read_turn
from chatbot.reply.references import chosen_option, relevant_turns
from chatbot.reply.rewriting import rewrite_question
from chatbot.reply.texts import offers_a_person, text_for

_BETWEEN_ANSWERS = "\n\n"
_MAX_MEMORY_TOKENS = 600  # of the turns that the model reads; what a turn refers to is looked for in all of them


def answer_turn(
    *,
    turns: Sequence[Turn],
    knowledge: KnowledgeIndex,
    generator: TextGenerator | None,
    on_text: Callable[[str], None],
    is_phrased: bool = True,
) -> FinishedReply:
    """Answers the last turn, a customer's. `on_text` gets the whole supported text so far, and may be called often.

    With no generator the reply is the approved text; without `is_phrased` too, but the generator still helps to find
    it. An engine that is down or overloaded is named in `degraded`. Whatever `on_text` raises ends the work and is
    passed on.
    """
    read = [replace(turn, text=visible_text(turn.text)) for turn in turns]
    return _TurnAnswerer(read, knowledge, generator, on_text, is_phrased).answer()


@dataclass
class _TurnAnswerer:
    """The state of one turn on its way through the steps."""

    turns: list[Turn]
    knowledge: KnowledgeIndex
    generator: TextGenerator | None
    on_text: Callable[[str], None]
    is_phrased: bool = True
    option: str = ""  # the question behind the button that the turn means
    standalone: str = ""
    degraded: str = ""
    timings_ms: dict[str, float] = field(default_factory=dict)
    reading: Reading | None = None
    intents: dict[str, float] = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    is_several: bool = False
    has_accepted_person: bool = False
    started: float = field(default_factory=time.perf_counter)

    @property
    def question(self) -> str:
        return self.option or self.turns[-1].text

    def answer(self) -> FinishedReply:
        language = language_of(self.turns)
        self.option = chosen_option(self.turns)
        self.reading = reading = self._reading()
        if reading is not None and reading.is_certain:
            return self._say_fixed(of_reading(reading), language)
        with self._timed("retrieve"):
            candidates = self._retrieve(language)
        if is_unsure(self.question, candidates):
            with self._timed("rewrite"):
                candidates = self._retrieve_rewritten(candidates, language)
        with self._timed("decide"):
            several = self._several(candidates, language)
            decision = decide(self.question, candidates, reading)
        self.candidates = candidates
        if several and decision.action in ("answer", "clarify", "decline"):
            self.is_several = True
            return self._say_approved(several, min(1.0, decision.confidence), language)
        if decision.action == "answer":
            return self._say_answer(decision, language)
        return self._say_fixed(decision, language)

    def _reading(self) -> Reading | None:
        offer = self.turns[-2] if len(self.turns) > 1 and self.turns[-2].role != "customer" else None
        if offer is not None and offers_a_person(offer.text) and is_yes(self.question):
            self.has_accepted_person = True
            return Reading(intent=Intent.PERSON, confidence=0.95, text="handoff", is_certain=True)
        reading, self.intents = read_turn(self.question)
        return reading

    def _retrieve_rewritten(self, candidates: list[Candidate], language: str) -> list[Candidate]:
        """What the model's standalone question finds, where it makes sure what was among the first already."""
        if self.generator is None:
            return candidates
        try:
            rewritten = rewrite_question(relevant_turns(self.turns), self.generator)
        except EngineError as error:
            self._note_engine_error(error)
            return candidates
        found = self._search([self.question, rewritten], language) if rewritten else []
        if is_unsure(self.question, found) or found[0].entry.stem not in {c.entry.stem for c in candidates[:3]}:
            return candidates
        self.standalone = rewritten
        return found

    def _retrieve(self, language: str) -> list[Candidate]:
        """With the turn alone where that is sure of an entry: what was talked about before would outweigh it."""
        alone, context = self._search([self.question], language), self._context()
        if not context or is_sure_alone(self.question, alone):
            return alone
        return self._search([self.question, *context], language)

    def _several(self, candidates: list[Candidate], language: str) -> tuple[Candidate, ...]:
        """The answers to a turn that asks several things; none for a single question."""
        of_parts = answers_to_parts(self.question, self.knowledge, candidates, language)
        return of_parts or answers_together(self.question, candidates, self.intents.get(Intent.SEVERAL, 0.0))

    def _context(self) -> list[str]:
        """None for what is whole without, and for another language: words that are known would decide alone."""
        if self.option or is_other_language(self.question):
            return []
        return with_context(relevant_turns(self.turns))

    def _search(self, queries: Sequence[str], language: str) -> list[Candidate]:
        return own_first(self.question, self.knowledge.search(queries, top_k=NUM_COMPARED, language=language))

    def _say_answer(self, decision: Decision, language: str) -> FinishedReply:
        passage = decision.candidates[0].entry.answer
        text = ""
        with self._timed("generate"):
            if self.generator is not None and self.is_phrased and not self.degraded:
                text = self._generate(passage, self.generator)
        if text:
            return self._finish(decision, text, origin="generated")
        return self._say_approved(decision.candidates, decision.confidence, language)

    def _generate(self, passage: str, generator: TextGenerator) -> str:
        last = replace(self.turns[-1], standalone=self.standalone or self.option, passages=(passage,))
        recent = recall([*self.turns[:-1], last], max_tokens=_MAX_MEMORY_TOKENS)
        try:
            return generate_supported(recent, passage, generator, self._show).text
        except EngineError as error:
            self._note_engine_error(error)
            return ""

    def _say_approved(self, candidates: Sequence[Candidate], confidence: float, language: str) -> FinishedReply:
        text = _BETWEEN_ANSWERS.join(candidate.entry.answer for candidate in candidates)
        show_word_by_word(text, self._show)
        decision = Decision(action="answer", confidence=confidence, candidates=tuple(candidates))
        return self._finish(decision, text, origin="approved text")

    def _say_fixed(self, decision: Decision, language: str) -> FinishedReply:
        text = text_for(decision.text, language)
        show_word_by_word(text, self._show)
        return self._finish(decision, text, origin="fixed")

    def _finish(self, decision: Decision, text: str, *, origin: str) -> FinishedReply:
        is_answer, is_clarify = decision.action == "answer", decision.action == "clarify"
        return FinishedReply(
            text=text,
            action=decision.action,
            sources=[_source(candidate) for candidate in decision.candidates] if is_answer else [],
            options=[_option(candidate) for candidate in decision.candidates] if is_clarify else [],
            standalone_question=self.standalone or self.question,
            confidence=round(decision.confidence, 4),
            model_version=self.generator.version if self.generator is not None else "",
            origin=origin,
            degraded=self.degraded,
            timings_ms=self.timings_ms,
            decision=explain(
                decision=decision,
                question=self.question,
                candidates=self.candidates,
                intents=self.intents,
                reading=self.reading,
                is_several=self.is_several,
                has_accepted_person=self.has_accepted_person,
            ),
            support=_support(decision, text, origin) if is_answer else [],
        )

    def _show(self, text: str) -> None:
        self.timings_ms.setdefault("first_text", self._ms_since(self.started))
        self.on_text(text)

    def _note_engine_error(self, error: EngineError) -> None:
        self.degraded = "engine_overloaded" if isinstance(error, EngineOverloadedError) else "engine_down"

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings_ms[step] = self._ms_since(start)

    @staticmethod
    def _ms_since(start: float) -> float:
        return round((time.perf_counter() - start) * 1000, 1)


def _source(candidate: Candidate) -> dict[str, Any]:
    entry = candidate.entry
    return {
        "id": entry.id,
        "question": entry.question,
        "text": entry.answer,
        "score": round(candidate.score, 4),
        "updated_at": entry.updated_at,
    }


def _support(decision: Decision, text: str, origin: str) -> list[dict[str, int]]:
    passages = [candidate.entry.answer for candidate in decision.candidates]
    if origin == "generated":
        return mark_phrased(text, passages[0])
    return mark_quoted(passages, _BETWEEN_ANSWERS)


def _option(candidate: Candidate) -> dict[str, Any]:
    return {"id": candidate.entry.id, "question": candidate.entry.question}
