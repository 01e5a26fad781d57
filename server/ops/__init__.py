"""How a node is run: the only package that may import every other, and the only one that wires.

- ``cli``            the program ``tap``: a list of verbs, one module each in ``commands/``
- ``config``         what an operator decides, as frozen values; ``config_file`` reads and explains them,
  ``config_checks`` says which do not go together
- ``keys``           the node's signing key in its file
- ``bootstrap``      puts every part together (the composition root)
- ``running``        a node from start to stop: what is opened in which order, and how it ends
- ``core``           a node without its network; ``accounts`` adds people's passwords and tokens
- ``extents``        how far the log reaches, kept beside the database; ``restoring`` what follows when it does not
- ``peer_tls``       certificates of links
- ``membership``     the roster's file; ``registrar`` follows it, and the node's own key, while the node runs
- ``listener``       the one port; ``guarded_http`` ends clients that keep it waiting
- ``operator``       what the operator decides, where no person's permission is asked
- ``doctor``         what is wrong with this node: ``doctor_facts`` collects, ``doctor_checks`` judges
- ``link_words``     links and lanes in words for their operator; ``certificate`` when our own ends
- ``watch``          what the node measures about itself; ``notify`` tells systemd; ``logging``
- ``webhook_sender``  the way out to receivers of webhooks
- ``http_date``      moments in headers of HTTP
- ``tail``           what ``tap tail`` shows, ``tail_sources`` where it reads; ``own_node`` asks the one that runs here
- ``lock``, ``place``  one process per data folder; where the database lies
- ``importing/``     archives of other networks; ``demo/`` three regions of a made-up company

House rules: the environment, the wall clock and the machine's randomness are read here and handed on as
values. Whatever an operator did wrong gets one sentence that says what to do and an exit code of
``commands/shared.py``; a traceback means that we did something wrong.
"""
