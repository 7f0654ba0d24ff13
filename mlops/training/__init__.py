"""Fine-tuning of encoders on GoEmotions-format files. Plain Python: no Django."""
