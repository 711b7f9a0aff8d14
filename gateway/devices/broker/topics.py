"""The rules of MQTT 3.1.1 §4.7 for topics and filters, as pure functions."""


def is_topic(topic: str) -> bool:
    """Whether a PUBLISH may carry this topic; UTF-8 was checked when it was decoded."""
    # [MQTT-3.3.2-2] no wildcards, [MQTT-4.7.3-1] not empty, [MQTT-4.7.3-2] no U+0000.
    return bool(topic) and "#" not in topic and "+" not in topic and "\0" not in topic


def is_filter(topic_filter: str) -> bool:
    """Whether a SUBSCRIBE may carry this filter."""
    if not topic_filter or "\0" in topic_filter:
        return False
    # [MQTT-4.7.1-2], [MQTT-4.7.1-3]: a wildcard fills its level, and # is the last one. Without a look at each level:
    # there may be 65,535 of them.
    rest = topic_filter[:-1] if topic_filter == "#" or topic_filter.endswith("/#") else topic_filter
    if "#" in rest:
        return False
    return "+" not in rest or "+" not in f"/{rest.replace('/', '//')}/".replace("/+/", "")


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a publish to this topic concerns a subscriber of this filter."""
    if topic_filter == topic:
        return True
    # [MQTT-4.7.2-1] a filter that starts with a wildcard never matches a topic that starts with $.
    if topic[0] == "$" and topic_filter[0] in "+#":
        return False
    wanted, given = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        # "a/#" also matches "a" itself (§4.7.1.2).
        wanted.pop()
        if len(given) < len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(
        level in ("+", name) for level, name in zip(wanted, given, strict=True)
    )
