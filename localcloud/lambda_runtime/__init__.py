"""Runs Lambda functions: a process of Node.js for each execution environment, spoken to over the Lambda Runtime API."""
