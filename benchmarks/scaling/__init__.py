"""A burst of uploads through the real application, on modelled limits of AWS and of a provider: a simulation in virtual time.

What is real: the use cases, the DynamoDB adapters with their conditions and retries, the state machine's file, the numbers
in the template. What is modelled: how long calls take, and how AWS and the provider say no.
"""
