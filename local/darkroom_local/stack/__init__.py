"""A local stack: the embedded cloud, the simulators of providers and the application that is deployed into it."""
