"""The OpenAI dialect: responses in the background (openai.md). `plugin.py` declares it, `wire.py` is it whole."""
