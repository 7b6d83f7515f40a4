"""Engines that measure throughput. Each lives in a child process of its own; nobody else imports one."""
