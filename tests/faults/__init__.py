"""Simulates faults. The real pipeline and ledger run under a scheduler that mixes the steps of workers, delays calls,
injects errors and kills workers. A seed fixes every choice of the scheduler.
"""
