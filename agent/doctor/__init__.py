"""What stands between a box and the collector: looked at (`looks`), judged (`judge`), said (`words`)."""
