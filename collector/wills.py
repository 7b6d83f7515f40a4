"""A last will is a message like any other: the embedded broker's word on who may leave which one.

amqtt asks its access list when a client publishes, and not when it publishes in a client's name what that
left with it. So a connection with a will on a topic that is not its own is refused.
"""

from dataclasses import dataclass, field

from amqtt.plugins.base import BaseAuthPlugin
from amqtt.plugins.topic_checking import TopicAccessControlListPlugin
from amqtt.session import Session


class WillPlugin(BaseAuthPlugin):  # type: ignore[misc]  # amqtt tells no types
    """Lets in who leaves no will, or one on a topic of its own."""

    @dataclass
    class Config:
        """`publish_acl` is that of the access list: to each name the topics that it may publish on."""

        publish_acl: dict[str, list[str]] = field(default_factory=dict)

    async def authenticate(self, *, session: Session) -> bool:
        """Whether the connection's will, if it has one, says something where its name may."""
        if not session.will_flag:
            return True
        allowed = self.config.publish_acl.get(session.username, [])
        topic = session.will_topic or ""
        return any(TopicAccessControlListPlugin.topic_ac(topic, each) for each in allowed)
