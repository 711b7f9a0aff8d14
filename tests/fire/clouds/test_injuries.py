"""Whatever befalls one cloud, the others and all devices do not notice, and nothing said to it is lost."""

import asyncio
from pathlib import Path

import pytest

from tests.fire.clouds.house import DEVICES, house
from tests.fire.clouds.injuries import CLOUDS, INJURIES

LASTS_S = 40.0
#: One for each that may be under way when it begins, and then what the breaker lets through.
MOST_ASKED = 16 + 40


@pytest.mark.parametrize("name", INJURIES)
async def test_one_clouds_trouble_is_its_own(place: Path, name: str) -> None:
    """Each cloud in turn: PUBACKs and the other clouds go on as before; it is named, and healed, nothing is lost."""
    case = INJURIES[name]
    async with house(place) as made:
        await made.connect()
        made.order("calm")
        await made.update("calm")
        calm = await made.drained(CLOUDS, within_s=30)
        for cloud in case.clouds:
            others = [each for each in CLOUDS if each != cloud]
            front, before = made.fronts[cloud], made.words(cloud)
            made.order(cloud)
            front.injury, asked = case.injure, len(front.asked)

            puback = await made.update(cloud)
            lag = await made.drained(others, within_s=30)
            await asyncio.sleep(LASTS_S)

            asked = len(front.asked) - asked
            waits, seen = (await made.figures(cloud)).messages, made.words(cloud)
            front.injury = None
            await made.drained([cloud], within_s=case.heals_s)
            assert puback < 1.0
            assert lag < calm + 1.0
            assert waits > 0
            assert 0 < asked < MOST_ASKED
            words = {word for word, count in seen.items() if count > before.get(word, 0.0)}
            assert words & set(case.words), words
            for each in CLOUDS:
                assert sorted(made.ends(each, cloud)) == sorted(DEVICES), each
                assert (await made.figures(each)).dead_letters == 0
        assert made.illegal() == []
