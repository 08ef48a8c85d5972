"""The commands about conversations: `chat`, `send`, `history`, `observe`, `timeline`, `abort`."""

from __future__ import annotations

import contextlib
import importlib
import mimetypes
import os
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flue import AbortSignal, Attachment, Conversation, FlueError, FlueExecutionError, UserMessage, to_json
from flue._requests import Deadline
from flue.cli import Exit, Interrupted, UsageError
from flue.cli.chat_view import ChatView, ObservationView, transcript_blocks
from flue.cli.commands import (
    READ_BACKOFF,
    STREAM_ORIGIN,
    CtrlC,
    on_ctrl_c,
    read_text,
    show_timeline,
    standard_input,
    typed_text,
)
from flue.cli.output import (
    LogLines,
    Markdown,
    clean,
    command_line,
    line,
    one_line,
    open_output,
    say,
    shown_on,
    write_json,
)
from flue.cli.parser import shell_command
from flue.cli.timeline import ConversationTimeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flue import ConversationState, Reply, SendResult
    from flue.cli.output import Block, Terminal
    from flue.cli.parser import Options
    from flue.models import ConversationChunk

_CONTINUATION = "\\"
"""At the end of a line: the message continues on the next one."""


def chat(options: Options) -> Exit:
    """Talk to an agent: a line in, a reply out."""
    with _open(options) as conversation:
        if options.json_lines:
            return _chat_lines(conversation, options)
        terminal = open_output()
        with shown_on(ChatView(terminal)) as view:
            return _Chat(conversation, view, terminal, options).run()


def send(options: Options) -> Exit:
    """Deliver one message, and wait for the reply."""
    message = UserMessage(_text(options), tuple(map(_attachment, options.attach)))
    with _open(options) as conversation:
        deadline = Deadline(options.timeout)
        with on_ctrl_c("interrupted; if the message was delivered, the agent continues"):
            receipt = conversation.send(message, timeout=deadline.remaining())
        command = shell_command("observe", conversation.url)
        if options.no_wait:
            admitted = line((one_line(receipt.submission_id), "bold"), mark=("▶ ", "green"))
            return _show(options, to_json(receipt), admitted, command_line(command, "  next: "))
        with on_ctrl_c("interrupted; the agent continues", f"to follow it: {command}"):
            if options.json_lines:
                with shown_on(LogLines()):
                    return _show_reply(conversation, receipt, deadline, None)
            with shown_on(ChatView(open_output())) as view:
                return _show_reply(conversation, receipt, deadline, view)


def _show_reply(conversation: Conversation, receipt: SendResult, deadline: Deadline, view: ChatView | None) -> Exit:
    """Wait for the reply. Without a view, write the chunks as JSON lines, and the reply as the last one."""
    if view is not None:
        view.follow(receipt.submission_id, "Ctrl-C leaves, the agent continues")

    def show(chunk: ConversationChunk) -> None:
        if view is None:
            write_json(to_json(chunk))
        else:
            view.chunk(chunk)

    try:
        reply = conversation.read(receipt, on_event=show, timeout=deadline.remaining())
    except FlueExecutionError as error:
        if view is not None:
            view.close()
        if view is None or view.outcome is None:  # it had failed before, and no chunk said so
            say(str(error))
        return Exit.FAILED
    if view is None:
        write_json(_reply_json(reply))
    elif not view.has_reply:  # it was complete before
        view.close()
        open_output().write(Markdown(clean(reply.text)))
    return Exit.OK


def history(options: Options) -> Exit:
    """Show the conversation as it is now."""
    with _open(options) as conversation, shown_on(LogLines()):
        snapshot = conversation.history(timeout=options.timeout, backoff_options=READ_BACKOFF)
    return _show(options, to_json(snapshot), *transcript_blocks(snapshot.messages, snapshot.settlements))


def observe(options: Options) -> Exit:
    """Show the conversation, and what changes, until Ctrl-C."""
    view = None if options.json_lines else ObservationView(open_output())
    with _open(options) as conversation, shown_on(view or LogLines()):
        signal = AbortSignal()
        with conversation.observe(signal=signal, timeout=options.timeout) as observation, CtrlC(signal.abort) as ctrl_c:
            if view is not None:
                view.start(lambda: observation.phase)
            for state in observation:
                if view is None:
                    write_json(_state_json(state))
                else:
                    view.state(state.messages, state.settlements)
    if ctrl_c.pressed:
        raise Interrupted("interrupted")
    return Exit.OK


def timeline(options: Options) -> Exit:
    """Show when the turns and tool calls of the conversation ran."""
    with _open(options) as conversation, shown_on(LogLines()):
        steps = ConversationTimeline(conversation.url)
        # The history has durations of tool calls, but only the chunks of the stream have times.
        reading = conversation.stream(
            offset=STREAM_ORIGIN, live=False, timeout=options.timeout, backoff_options=READ_BACKOFF
        )
        with reading:
            for chunk in reading:
                steps.add(chunk)
    return show_timeline(steps, options)


def abort(options: Options) -> Exit:
    """Abort everything that runs or waits in the conversation."""
    with _open(options) as conversation, shown_on(LogLines()):
        result = conversation.abort(timeout=options.timeout)
    return _show(options, to_json(result), line(("aborted" if result.aborted else "nothing was running", "")))


def _show(options: Options, value: dict[str, Any], *blocks: Block) -> Exit:
    """Show the result of a command: as JSON, or as these blocks."""
    if options.json_lines:
        write_json(value)
    else:
        open_output().write(*blocks)
    return Exit.OK


# Chat on a terminal.


class _Chat:
    """A conversation typed on a terminal.

    Args:
        conversation: To talk to.
        view: Shows the replies.
        terminal: That the view draws on.
        options: Of the command.
    """

    def __init__(self, conversation: Conversation, view: ChatView, terminal: Terminal, options: Options) -> None:
        self._conversation = conversation
        self._view = view
        self._terminal = terminal
        self._options = options
        self._interactive = sys.stdin is not None and sys.stdin.isatty()  # pyright: ignore[reportUnnecessaryComparison]

    def run(self) -> Exit:
        """Read messages and show replies until the end of the input."""
        if self._interactive:
            with contextlib.suppress(ImportError):
                importlib.import_module("readline")  # the editing keys and the history of `input`
            help_text = f"Ctrl-D leaves, Ctrl-C aborts a reply, {_CONTINUATION} at the end of a line continues it"
            self._terminal.write(line((one_line(self._conversation.url), "bold")), line((help_text, "dim")))
        failed = False
        for text in self._typed() if self._interactive else _messages():
            if not self._interactive:
                self._terminal.write(line((one_line(text), "cyan"), mark=("» ", "cyan")))
            failed = not self._turn(text) or failed
            self._terminal.write(line())
        return Exit.FAILED if failed and not self._interactive else Exit.OK

    def _typed(self) -> Iterator[str]:
        while True:
            try:
                text = input("» ")
                while text.endswith(_CONTINUATION):
                    text = f"{text.removesuffix(_CONTINUATION)}\n{input('… ')}"
                text = typed_text(text)
            except EOFError:
                self._terminal.write(line())
                return
            except KeyboardInterrupt:
                self._terminal.write(line(), line(("Ctrl-D leaves", "dim")))
                continue
            except UnicodeDecodeError:
                self._terminal.write(line(("this was not sent, it is not UTF-8", "yellow")))
                continue
            if text.strip():
                yield text

    def _turn(self, text: str) -> bool:
        """Send a message and show the reply. Returns whether it completed; errors are shown, the chat continues."""
        deadline = Deadline(self._options.timeout)
        try:
            with on_ctrl_c("interrupted; if the message was delivered, the agent continues"):
                receipt = self._conversation.send(text, timeout=deadline.remaining())
            self._view.follow(receipt.submission_id, "Ctrl-C aborts")
            offset = self._follow(receipt, None, deadline)
            if offset is not None:
                aborted = self._conversation.abort(timeout=deadline.remaining()).aborted
                note = "aborting" if aborted else "nothing to abort: the reply is complete"
                self._terminal.write(line((note, "yellow"), mark=("■ ", "yellow")))
                self._follow(receipt, offset, deadline)  # what the agent still says, and how it ended
        except FlueError as error:
            self._view.close()
            say(str(error), *getattr(error, "__notes__", []))
            return False
        except Interrupted as error:
            if not self._interactive:
                raise
            say(*error.args)
            return False
        finally:
            self._view.close()
        if self._view.outcome is None:
            say("the stream ended before the reply was complete")
        return self._view.outcome == "completed"

    def _follow(self, receipt: SendResult, offset: str | None, deadline: Deadline) -> str | None:
        """Show the reply. Returns the offset to continue from if Ctrl-C was pressed before it was complete."""
        stream = self._conversation.stream(receipt, offset=offset, timeout=deadline.remaining())
        with stream, CtrlC(stream.cancel) as ctrl_c:
            for chunk in stream:
                self._view.chunk(chunk)
        return stream.offset if ctrl_c.pressed and self._view.outcome is None else None


# Lines in, lines out.


def _messages() -> Iterator[str]:
    """The lines of standard input that are not blank, in UTF-8."""
    for number, data in enumerate(standard_input(), 1):
        try:
            text = data.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise UsageError(f"line {number} of standard input is not UTF-8: {error.reason}") from None
        if text.strip():
            yield text


def _chat_lines(conversation: Conversation, options: Options) -> Exit:
    """A reply as a JSON line for each line of standard input."""
    status = Exit.OK
    with shown_on(LogLines()):
        for text in _messages():
            try:
                reply = conversation.ask(text, timeout=options.timeout)
            except FlueExecutionError as error:
                say(str(error))
                status = Exit.FAILED
            else:
                write_json(_reply_json(reply))
    return status


def _reply_json(reply: Reply) -> dict[str, Any]:
    return {
        "text": reply.text,
        "data": dict(reply.data),
        "metadata": None if reply.metadata is None else dict(reply.metadata),
        "submissionId": reply.submission_id,
        "uid": reply.uid,
    }


def _state_json(state: ConversationState) -> dict[str, Any]:
    return {
        "conversationId": state.conversation_id,
        "messages": [to_json(message) for message in state.messages],
        "settlements": [to_json(settlement) for settlement in state.settlements],
    }


# Arguments.


def _open(options: Options) -> Conversation:
    """The conversation that the options name: an absolute URL, or a path below the base URL."""
    url = options.url
    if "://" not in url:
        base_url = options.base_url or os.environ.get("FLUE_BASE_URL")
        if not base_url:
            raise UsageError("URL must be absolute, or a path below --base-url or FLUE_BASE_URL")
        url = f"{base_url.rstrip('/')}/{url.lstrip('/')}"
    if options.new:
        url = f"{url.rstrip('/')}/chat-{uuid.uuid4().hex[:12]}"
    return Conversation(url, token=options.token, headers=options.headers)


def _text(options: Options) -> str:
    """The text of the message: the argument, or standard input for `-`."""
    if options.text is None and not options.attach:
        raise UsageError("nothing to send: give a text, - for standard input, or --attach FILE")
    if options.text == "-":
        return read_text("-")
    try:
        return typed_text(options.text or "")
    except UnicodeDecodeError as error:
        raise UsageError(f"the text is not UTF-8: {error.reason}") from None


def _attachment(name: str) -> Attachment:
    path = Path(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"the attachment cannot be read: {error}") from None
    filename = path.name.encode("utf-8", "surrogateescape").decode(errors="replace")
    return Attachment(data, mimetypes.guess_type(name)[0] or "application/octet-stream", filename)
