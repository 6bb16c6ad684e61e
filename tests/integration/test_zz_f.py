import sys, shutil
from pathlib import Path
import msgspec, pytest, signal
import tests.integration.intake_world as w
w._LIMIT=40
from tests.integration.test_intake import World
def test_two(embedded_broker, tmp_path):
    world=World(embedded_broker,tmp_path)
    world.settings=msgspec.structs.replace(world.settings,kafka=msgspec.structs.replace(world.settings.kafka,security={"debug":"cgrp","log_level":"7"}))
    try:
      with world.output() as take, world.intake() as first:
        world.write(500)
        world.wait(take, world.complete)
        with world.intake() as second:
            for start in range(500, 4_500, 500):
                world.write(500, start)
                take()
            world.wait(take, world.complete)
            first.send_signal(signal.SIGTERM)
            assert first.wait(30) == 0
            world.write(500, start=4_500)
            world.wait(take, world.complete)
    finally:
        shutil.copy(tmp_path/'intake.log','/tmp/w/f/two.log')
