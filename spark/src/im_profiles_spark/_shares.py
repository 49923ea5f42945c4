"""How the calls per second of an app are divided among the partitions of its accounts."""


def rate_share(partition: int, partitions: int, calls_per_second: int) -> str | None:
    """Returns the share of a partition as ``K/N``; None without a limit.

    N is the limit, so that K is the calls per second of the partition, a whole number. The shares add up to the limit.

    Raises:
        ValueError: There are more partitions than calls per second.
    """
    if calls_per_second == 0:
        return None
    if partitions > calls_per_second:
        raise ValueError(
            f"parallelism is {partitions}, more than the {calls_per_second} calls per second of the job; "
            f"set it to at most {calls_per_second}"
        )
    first, end = (index * calls_per_second // partitions for index in (partition, partition + 1))
    return f"{end - first}/{calls_per_second}"
