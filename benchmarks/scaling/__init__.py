"""Simulates a burst of uploads through the application, in virtual time and under modelled limits of AWS and a provider.

These parts are real: the use cases, the DynamoDB adapters with their conditions and retries, the state machine's file and
the template's numbers. These parts are modelled: how long calls take, and how AWS and the provider refuse them.
"""
