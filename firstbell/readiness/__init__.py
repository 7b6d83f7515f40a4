"""From reports to a verdict: targets, need, evidence, links, the weakest of them."""
