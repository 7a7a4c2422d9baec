//! A model behind an OpenAI-compatible API; Gemini first.
