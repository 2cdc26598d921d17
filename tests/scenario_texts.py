"""Scenarios that several tests play, as their authors would write them."""

BRIEF = """\
lab: 1
name: brief
title: Brief
agent: {code: BRIEF, version: 1}
ask: {message: "go on, please", parameters: {item: A-1}}
latency: {token: 1ms, invoke: 1ms, status: 1ms}
seed: 1
steps:
  - work: run
    takes: 60ms
  - complete: done
    output: Done.
"""
"""One short piece of work."""
