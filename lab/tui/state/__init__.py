"""The pure half of the screen: observations to state, state to rows of spans. Imports no Textual."""
