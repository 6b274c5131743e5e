"""Simulates a burst of uploads to Darkroom in virtual time, with the limits of AWS and of a provider.

Real are the use cases, the DynamoDB adapters with their conditions and retries, the definition of the state machine and the
numbers of the template. Simulated are the time that calls take, and the calls that AWS and the provider refuse.
"""
