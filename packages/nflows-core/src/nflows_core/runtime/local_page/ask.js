// What goes to the program and comes from it, as JSON.

export async function ask(path, value) {
  const sent = value === undefined ? {} : {
    method: "POST", body: JSON.stringify(value), headers: { "Content-Type": "application/json" },
  };
  return (await fetched(path, sent)).json();
}

export async function fetched(path, sent) {
  let answer;
  try {
    answer = await fetch(path, sent);
  } catch {
    throw new Error("the program does not answer; start it again by the same command, and open the new address");
  }
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer;
}
