%% bench.c once more in Erlang.
-module(bench).
-export([main/1]).

main([Name]) -> main([Name, "100000"]);
main([Name, Count]) -> main([Name, Count, "1000"]);
main([Name, Count, Members]) ->
    N = list_to_integer(Count),
    Began = now_ns(),
    Spent = case bench(list_to_atom(Name), N, list_to_integer(Members)) of
        {spent, Ns} -> Ns;
        _ -> now_ns() - Began
    end,
    io:format("~s: ~.1f ns~n", [Name, Spent / N]),
    erlang:halt(0, [{flush, true}]).

now_ns() -> erlang:monotonic_time(nanosecond).
times(0, _) -> ok;
times(N, F) -> F(), times(N - 1, F).
%% A benchmark that leaves out its preparations measures itself.
spent(F) -> Began = now_ns(), F(), {spent, now_ns() - Began}.

one() -> receive _ -> ok end.
echo(Parent) -> receive 0 -> ok; V -> Parent ! V, echo(Parent) end.

bench(spawn, N, _) ->
    Self = self(),
    times(N, fun() -> spawn(fun() -> Self ! 1 end), one() end);
bench(wave, N, Members) ->
    Self = self(),
    times(N div Members, fun() ->
        times(Members, fun() -> spawn(fun() -> Self ! 1 end) end),
        times(Members, fun one/0)
    end);
bench(ping, N, _) ->
    Self = self(),
    Peer = spawn(fun() -> echo(Self) end),
    times(N, fun() -> Peer ! 1, one() end),
    Peer ! 0;
bench(cross, N, _) ->
    Self = self(),
    Peer = spawn(fun() -> poller(Self) end),
    Round = fun() -> Peer ! 1, poll() end,
    times(N div 10, Round),
    spent(fun() -> times(N, Round) end);
bench(pairs, N, Members) ->
    Self = self(),
    times(Members, fun() -> spawn(fun() -> bench(ping, N div Members, 0), Self ! 1 end) end),
    times(Members, fun one/0);
bench(ring, N, Members) ->
    Next = lists:foldl(fun(_, To) -> spawn(fun() -> member(To) end) end, self(), lists:seq(2, Members)),
    Next ! Members,
    one(), % once round, so that all have started
    spent(fun() -> Next ! N, rounds(Next) end);
bench(fan, N, Members) ->
    Self = self(),
    times(Members, fun() -> spawn(fun() -> times(N div Members, fun() -> Self ! 1 end) end) end),
    times(N div Members * Members, fun one/0);
bench(unread, N, _) ->
    [self() ! I || I <- lists:seq(1, N)],
    [receive X -> I = X end || I <- lists:seq(1, N)];
bench(selective, N, Members) ->
    Peer = start_selective(Members),
    spent(fun() -> times(N, fun() -> Peer ! 1, receive {answer, 1} -> ok end end) end);
bench(call, N, Members) ->
    Self = self(),
    start_selective(Members),
    Peer = spawn(fun() -> server() end),
    spent(fun() -> times(N, fun() -> call(Peer, Self) end) end);
bench(cancel, N, _) ->
    times(N, fun() -> erlang:cancel_timer(erlang:send_after(3600000, self(), 1)) end);
bench(fire, N, _) ->
    times(N, fun() -> erlang:send_after(1, self(), 1) end),
    times(N, fun one/0);
bench(skynet, N, _) ->
    Self = self(),
    Sum = N * (N - 1) div 2,
    spawn(fun() -> sky(Self, 0, N) end),
    receive Sum -> ok end;
bench(idle, N, Members) ->
    Self = self(),
    times(Members, fun() -> spawn(fun() -> Self ! 1, one() end), one() end),
    io:format("ready~n"),
    timer:sleep(N);
bench(spin, N, Members) ->
    Self = self(),
    Peer = spawn(fun() -> echo(Self) end),
    times(Members, fun() -> spawn(fun spin/0) end),
    {spent, Ns} = spent(fun() -> times(N, fun() -> timer:sleep(1), Peer ! 1, one() end) end),
    {spent, Ns - N * 1000000}.

poll() -> receive V -> V after 0 -> poll() end.
poller(Parent) -> case poll() of 0 -> ok; V -> Parent ! V, poller(Parent) end.
member(Next) -> receive V -> Next ! V - 1, member(Next) end.
rounds(Next) -> receive V when V > 0 -> Next ! V - 1, rounds(Next); _ -> ok end.
spin() -> spin().

start_selective(Members) ->
    Self = self(),
    times(Members, fun() -> Self ! 1 end),
    spawn(fun() -> answerer(Self) end).
answerer(Parent) -> receive V -> Parent ! {answer, V}, answerer(Parent) end.
server() -> receive {From, Ref} -> From ! {Ref, 1}, server() end.
call(Peer, Self) ->
    Ref = make_ref(),
    Peer ! {Self, Ref},
    receive {Ref, _} -> ok end.

sky(Parent, Number, 1) -> Parent ! Number;
sky(Parent, Number, Size) ->
    Self = self(),
    Part = Size div 10,
    [spawn(fun() -> sky(Self, Number + I * Part, Part) end) || I <- lists:seq(0, 9)],
    Parent ! lists:sum([receive X -> X end || _ <- lists:seq(0, 9)]).
