"""Makes the training commands known to Django."""

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """The app of `train_tokenizer`, `pretrain`, `fine_tune`, `evaluate_model` and `generate`."""

    name = "chatbot.training"
    label = "training"
