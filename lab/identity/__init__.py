"""The OAuth server, whole: clients, scopes, tokens and grants, its routes, refusals and documents (contract.md §7).

Read in this order: `routes` (the table that all else is made of), `config`, `clients`, `scopes`; `records` and `facts`
(what is remembered, and how); `endpoints` (what answers each route: `token` first); `bearer` (what a token opens).

One login is a *family*: the code that it began with, and every token that came of it, by way of refresh tokens too. A
stolen code or refresh token shows when it comes a second time, and then the whole family ends (RFC 9700 §4.14.2).
"""
